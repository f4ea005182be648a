"""The sandbox from inside: a process that walls itself in and then runs somebody's code.

``start`` is run by a fresh interpreter and knows the order of the walls; ``tree`` builds the few
folders that can be seen, ``kernel`` makes the calls, ``filter`` lists the system calls that are
left, ``inside`` runs the code, and ``gather`` reads what it left behind. Standard library only.
"""
