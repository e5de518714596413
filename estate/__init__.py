"""The words of Seawall as types. Pure, standard library only: every other folder may import this one."""
