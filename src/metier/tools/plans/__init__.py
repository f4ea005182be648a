"""Plans: a request becomes a small typed graph that can be read, changed and run again.

``graph`` says what a plan may be, ``templates`` and ``planning`` make one, ``nodes`` knows what
each kind of step does, ``execute`` runs it within a budget, ``folder`` keeps it.
"""
