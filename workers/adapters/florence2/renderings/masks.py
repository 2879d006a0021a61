"""An outlined instance as a picture: white where it is, black where it is not."""

from PIL import Image, ImageDraw

from workers.catalog.florence2.instances import Instance


def draw_mask(instance: Instance, size: tuple[int, int]) -> Image.Image:
    """Draw a mask with eight bits a pixel, in the original picture's size."""
    mask = Image.new("L", size, 0)
    pen = ImageDraw.Draw(mask)
    for points in instance.outlines:
        pen.polygon(list(points), fill=255, outline=255)
    return mask
