"""A released specialist, and the server that answers with it; rooms from high to low:

``start`` opens a server · ``routes`` its HTTP · ``answering`` what a request makes a model do ·
``gate`` who may come in · ``catalogue`` what may be asked for · ``engines`` what writes ·
``release`` the specialist as a folder, ``records`` what is kept · ``refusal`` every no.
"""
