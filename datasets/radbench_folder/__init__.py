"""The data set ``folder``: any folder of images, with masks beside them if there are any."""
