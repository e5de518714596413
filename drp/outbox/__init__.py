"""People are told: what is to be said is kept here until it was taken by everybody who has to hear it."""
