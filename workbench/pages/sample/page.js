// Behind the viewer, on a page of its own: shows what the page holds.
const state = JSON.parse(document.querySelector('script[type="application/json"]').textContent);
viewer.render({ model: stored(state), el: document.querySelector(".here") });
