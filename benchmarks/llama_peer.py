"""llama.cpp's own server from the xllamacpp wheel: ``python llama_peer.py FILE PORT``."""

import sys
import time

import xllamacpp

parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[1]
parameters.port = int(sys.argv[2])
parameters.n_parallel = 32
parameters.n_ctx = 32 * 512
parameters.cont_batching = True
server = xllamacpp.Server(parameters)
while True:
    time.sleep(1)
