"""The adapter for CheXpert: 224,316 radiographs with fourteen observations, some of them uncertain."""
