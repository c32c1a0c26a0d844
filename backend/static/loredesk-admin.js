/* One appearance for the admin pages and the others: Unfold keeps it under its own name. */
;(function () {
  var OURS = 'loredesk-theme'
  var UNFOLDS = 'adminTheme'

  var chosen = localStorage.getItem(OURS)
  localStorage.setItem(UNFOLDS, JSON.stringify(chosen === 'dark' || chosen === 'light' ? chosen : 'auto'))

  addEventListener('pagehide', function () {
    var now = JSON.parse(localStorage.getItem(UNFOLDS) || '"auto"')
    if (now === 'auto') localStorage.removeItem(OURS)
    else localStorage.setItem(OURS, now)
  })
})()
