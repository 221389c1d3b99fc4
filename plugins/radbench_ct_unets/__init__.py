"""CT-trained U-Nets for chest radiographs: lung-unet and bone-unet."""
