"""Checkpoints from the Hugging Face hub: a download that goes on, into the library's own cache.

huggingface_hub begins a file anew after a broken download, and leaves the part behind. Here a part
is kept beside the cache's blobs under the name of its hash, continued by a Range request, and
becomes a blob only when its hash is the hub's. Layout, locks and kept listings are those of
huggingface_hub, so that both may use one cache.
"""
