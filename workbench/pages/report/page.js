// Draws every figure in the shape that fits the screen, and again when the screen changes its shape.
(function () {
  const boxes = Array.from(document.querySelectorAll(".plot"));
  // Only these buttons: plotly's own set has one that sends the figure to another machine.
  const buttons = [["toImage", "resetScale2d"]];
  function draw(box) {
    const shape = box.clientWidth < 700 ? "narrow" : "wide";
    if (box.dataset.shape === shape) return;
    box.dataset.shape = shape;
    box.style.minHeight = box.dataset[shape] + "px";
    const figure = JSON.parse(document.getElementById(box.id + "-" + shape).textContent);
    if (shape === "narrow") figure.layout.dragmode = false; // a finger scrolls the page
    Plotly.newPlot(box, figure.data, figure.layout, {
      responsive: true,
      displaylogo: false,
      displayModeBar: shape === "wide" ? "hover" : false,
      modeBarButtons: buttons,
    });
  }
  boxes.forEach(draw);
  window.addEventListener("resize", function () { boxes.forEach(draw); });
})();
