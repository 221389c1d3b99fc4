"""The adapter for TBX11K: radiographs of the healthy, the sick without tuberculosis, and of tuberculosis with boxes."""
