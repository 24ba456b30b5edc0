"""The lecture's equations for speed: in place, on memory that is allocated once.

The trainers and the pictures use them. This folder stands on the files above it and computes what
they say; tests hold the two equal. The files above know nothing of this folder.
"""
