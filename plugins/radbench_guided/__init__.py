"""Enhancement of chest radiographs by the guided U-Net (Eidlin et al.), and what its authors compare it with."""
