"""The adapter for JSRT's database: 247 radiographs, 154 with a nodule, and SCR's outlines of lungs and heart."""
