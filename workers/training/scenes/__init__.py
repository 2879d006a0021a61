"""Procedurally drawn scenes: the training and test data of the demo models, without limit.

There are two kinds, which share their shapes, colours and words:

* a `Scene` (`scene`) is the target of the demo FLUX: a caption, and the position of every object;
* a `Canvas` (`canvas`) is the input of the demo Florence-2: a picture, and the items on it.

Each set of weights knows exactly these vocabularies, palettes and geometries. A change here
changes what the shipped weights would have to know, so they must then be trained again.
"""
