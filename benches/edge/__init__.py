"""The edge side by side with nginx and with the usual way, as programs: nothing of ours is linked."""
