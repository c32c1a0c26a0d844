/* The review by keyboard. Each key presses a button of the page, so both do the same. */
;(function () {
  var LINKS = { n: 'ld-after', j: 'ld-after', ArrowRight: 'ld-after', p: 'ld-before', k: 'ld-before', ArrowLeft: 'ld-before', e: 'ld-edit' }
  var sent = false

  function byId(id) { return document.getElementById(id) }

  function isWriting(target) {
    return target.closest('input, textarea, select, [contenteditable]') !== null
  }

  // A second press while the first one travels would decide on what nobody has read.
  function send(form) {
    if (!form || sent) return
    sent = true
    form.submit()
  }

  function open(dialog) {
    if (dialog && !dialog.open) dialog.showModal()
  }

  function pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return
    if (document.querySelector('dialog[open]') || isWriting(event.target)) return
    var key = event.key.length === 1 ? event.key.toLowerCase() : event.key
    if (key === 'a') send(byId('ld-approve'))
    else if (key === 'u') send(byId('ld-undo'))
    else if (key === 'r') openReject()
    else if (key === '?') open(byId('ld-help'))
    else if (LINKS[key]) follow(byId(LINKS[key]))
    else return
    event.preventDefault()
  }

  function follow(link) {
    if (!link || sent) return
    sent = true
    location.assign(link.href)
  }

  function openReject() {
    var dialog = byId('ld-reject')
    if (!dialog) return
    open(dialog)
    byId('ld-reason').focus()
  }

  function inReason(event) {
    var box = event.target
    var form = box.closest('form')
    if (event.isComposing) return
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault()
      send(form)
    } else if (/^[1-9]$/.test(event.key) && box.value === '') {
      var button = form.querySelectorAll('[data-ld-pick]')[Number(event.key) - 1]
      if (!button) return
      event.preventDefault()
      box.value = button.dataset.ldPick
    }
  }

  addEventListener('DOMContentLoaded', function () {
    addEventListener('keydown', pressed)
    if (byId('ld-reject-open')) byId('ld-reject-open').addEventListener('click', openReject)
    if (byId('ld-help-open')) byId('ld-help-open').addEventListener('click', function () { open(byId('ld-help')) })
    if (byId('ld-reason')) byId('ld-reason').addEventListener('keydown', inReason)
    document.querySelectorAll('[data-ld-pick]').forEach(function (button) {
      button.addEventListener('click', function () {
        byId('ld-reason').value = button.dataset.ldPick
        byId('ld-reason').focus()
      })
    })
    document.querySelectorAll('[data-ld-close]').forEach(function (button) {
      button.addEventListener('click', function () { button.closest('dialog').close() })
    })
    // The form's own button and Enter in it go one way as well.
    document.querySelectorAll('.ld-review form[method=post]').forEach(function (form) {
      form.addEventListener('submit', function (event) {
        if (sent) event.preventDefault()
        sent = true
      })
    })
  })

  // Back in the browser's history: the page is as it was, and can send again.
  addEventListener('pageshow', function (event) {
    if (event.persisted) location.reload()
  })
})()
