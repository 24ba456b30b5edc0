"""What the page is made of and shows: its files, the choices there are, presets, lessons."""
