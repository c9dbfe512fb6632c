"""Pictures of a character: film with sound, contact sheet, stills. Needs no display; the user's scene is untouched."""

from .film import render_film, render_still
from .sheet import Moment, pick_moments, render_sheet
from .stage import PreviewError

__all__ = ["Moment", "PreviewError", "pick_moments", "render_film", "render_sheet", "render_still"]
