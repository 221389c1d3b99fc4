// From a file system a browser lets no page read the index: say so, instead of finding nothing.
if (location.protocol === "file:") {
  const field = document.querySelector(".md-search__input");
  if (field) {
    field.disabled = true;
    field.placeholder = "Search needs a server";
    field.title = "Serve the folder: python -m http.server --directory build/site";
  }
}
