/* Sets the theme before the first paint. A file of its own, since the page allows no inline script. */
;(function () {
  var chosen = localStorage.getItem('loredesk-theme')
  var dark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.classList.add(dark ? 'dark' : 'light')
})()
