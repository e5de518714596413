"""The one narrow door to the world: processes, ssh, clock, disk, sockets.

Everything above asks through here, so that every effect has a time limit and every fault a name.
"""
