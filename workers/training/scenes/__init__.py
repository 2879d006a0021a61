"""Drawn scenes, as many as one likes: what the demo models were trained on and are tested with.

Two kinds share their shapes, colours and words:

* a `Scene` (`scene`) is what the demo FLUX is asked for: a caption, and where everything belongs;
* a `Canvas` (`canvas`) is what the demo Florence-2 looks at: a picture, and what stands on it.

Each set of weights knows exactly these vocabularies, palettes and geometries. A change here is a
change of what the shipped weights can do, so it goes together with training them anew.
"""
