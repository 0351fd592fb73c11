// Draws every figure of a page, in the shape that fits the screen, and again when the screen changes its shape.
// A figure is a `.plot` and its data, a script element of the same id with the shape behind it.
(function () {
  const boxes = Array.from(document.querySelectorAll(".plot"));
  function draw(box) {
    const shape = box.dataset.narrow && box.clientWidth < 700 ? "narrow" : "wide";
    if (box.dataset.shape === shape) return;
    box.dataset.shape = shape;
    if (box.dataset[shape]) box.style.minHeight = box.dataset[shape] + "px";
    const buttons = "few" in box.dataset ? [["toImage", "resetScale2d"]] : false;
    const figure = JSON.parse(document.getElementById(box.id + "-" + shape).textContent);
    if (shape === "narrow") figure.layout.dragmode = false; // a finger scrolls the page
    figure.config = {
      responsive: true,
      displaylogo: false,
      displayModeBar: shape === "wide" ? "hover" : false,
      // Never the one that sends the figure to another machine.
      modeBarButtonsToRemove: ["sendChartToCloud"],
      modeBarButtons: buttons,
    };
    Plotly.newPlot(box, figure);
  }
  function drawAll() {
    for (const box of boxes) {
      try {
        draw(box);
      } catch (error) { // the others are drawn all the same
        box.textContent = "This figure cannot be drawn: " + error;
        reportError(error);
      }
    }
  }
  drawAll();
  window.addEventListener("resize", drawAll);
})();
