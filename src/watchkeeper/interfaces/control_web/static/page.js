// Ages and countdowns tick between two messages, and a page that has stopped hearing says so.
(function () {
  "use strict";
  var heard = Date.now();
  document.body.addEventListener("htmx:sseMessage", function () { heard = Date.now(); });
  function span(seconds) {
    var s = Math.abs(Math.round(seconds));
    if (s < 60) return s + " s";
    if (s < 3600) return Math.floor(s / 60) + " min " + (s % 60) + " s";
    return Math.floor(s / 3600) + " h " + Math.floor((s % 3600) / 60) + " min";
  }
  setInterval(function () {
    var silent = (Date.now() - heard) / 1000;
    var live = document.getElementById("live");
    if (live) {
      var lost = silent > 5;
      live.textContent = lost ? "No news for " + span(silent) + ": what you see is old" : "live";
      live.className = "tag " + (lost ? "UNKNOWN" : "HOLDS");
      document.getElementById("overview").classList.toggle("stale", lost);
    }
    document.querySelectorAll("[data-due]").forEach(function (element) {
      var left = Number(element.dataset.due) - silent;
      element.textContent = left >= 0 ? "answer within " + span(left) : span(left) + " late";
      element.classList.toggle("late", left < 0);
    });
    document.querySelectorAll("[data-age]").forEach(function (element) {
      element.textContent = span(Number(element.dataset.age) + silent) + " ago";
    });
  }, 1000);
})();
