"""Radiographs of other data sets' CT volumes by CT2Xray, from any view, as a data set."""
