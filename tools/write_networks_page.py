"""Write docs/networks.md anew from the catalogue and the papers' rows."""

from pathlib import Path

from sabench.report.networks_page import networks_page

PAGE = Path(__file__).parent.parent / "docs" / "networks.md"

if __name__ == "__main__":
    PAGE.write_text(networks_page(), encoding="utf-8")
