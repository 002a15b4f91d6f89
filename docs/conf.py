"""How Sphinx builds the documentation: `make docs`."""

from molino import __version__

project = "Molino"
release = version = __version__
extensions = ["myst_parser"]
myst_heading_anchors = 4
html_theme = "furo"
html_show_copyright = False
html_title = f"Molino {version}"
html_favicon = "icon.svg"
html_logo = "icon.svg"
exclude_patterns = ["_build"]
nitpicky = True
suppress_warnings = ["myst.header", "misc.highlighting_failure"]
