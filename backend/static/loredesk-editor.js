/* Beside the form of a record: what is similar to the question, and how long the texts are. */
;(function () {
  var WAIT_MS = 400
  var LONGEST = 1000 // characters of a question that travel in an address

  addEventListener('DOMContentLoaded', function () {
    var beside = document.getElementById('ld-beside')
    if (!beside) return
    watchQuestion(beside)
    document
      .querySelectorAll('#record_form textarea')
      .forEach(function (field) { count(field, beside.dataset) })
  })

  function watchQuestion(beside) {
    var question = document.getElementById('id_instruction')
    var context = document.getElementById('id_input')
    var shown = document.getElementById('ld-similar')
    var timer = 0
    var asked = 0

    function parameters() {
      var values = new URLSearchParams()
      if (!question) values.set('record', beside.dataset.record || '')
      else {
        values.set('text', question.value.slice(0, LONGEST))
        if (context) values.set('context', context.value.slice(0, LONGEST))
        if (beside.dataset.record) values.set('except', beside.dataset.record)
      }
      return values
    }

    function look() {
      var values = parameters()
      if (!(values.get('text') || values.get('record') || '').trim()) return
      var number = ++asked
      fetch(beside.dataset.similar + '?' + values, { headers: { Accept: 'text/html' } })
        .then(function (answer) { return answer.ok && !answer.redirected ? answer.text() : null })
        .then(function (part) {
          // An older answer that comes later is not what stands there now.
          if (part !== null && number === asked) shown.innerHTML = part
        })
        .catch(function () { /* the next key asks again */ })
    }

    function later() {
      clearTimeout(timer)
      timer = setTimeout(look, WAIT_MS)
    }

    if (question) question.addEventListener('input', later)
    if (context) context.addEventListener('input', later)
    look()
  }

  function count(field, texts) {
    var line = document.createElement('p')
    line.className = 'ld-characters'
    line.id = field.id + '-characters'
    field.insertAdjacentElement('afterend', line)
    field.setAttribute(
      'aria-describedby',
      ((field.getAttribute('aria-describedby') || '') + ' ' + line.id).trim()
    )
    function show() {
      var n = Array.from(field.value).length
      line.textContent = n === 1 ? texts.character : texts.characters.replace('{n}', n.toLocaleString())
    }
    field.addEventListener('input', show)
    show()
  }
})()
