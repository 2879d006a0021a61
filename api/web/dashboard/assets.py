"""The dashboard's static files."""

from pathlib import Path

from api.web.shared.assets import marked

FOLDER = Path(__file__).parent / "static"
PATH = "/dashboard/static"

asset = marked(FOLDER, PATH)
