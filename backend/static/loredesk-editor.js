/* Beside the form of a record: what is similar to the question, and how long the texts are. */
;(function () {
  var WAIT_MS = 400
  var COUNT_WAIT_MS = 500
  var LONGEST = 1000 // characters of a question that travel in an address

  addEventListener('DOMContentLoaded', function () {
    var beside = document.getElementById('ld-beside')
    if (!beside) return
    watchQuestion(beside)
    var lines = {}
    document
      .querySelectorAll('#record_form textarea')
      .forEach(function (field) { lines[field.id] = count(field, beside.dataset) })
    if (lines.id_instruction && lines.id_output) watchLength(lines, beside.dataset)
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

  /* Tokens as the base model counts them: of question and answer, and a warning of the whole. */
  function watchLength(lines, texts) {
    var names = ['instruction', 'output', 'input', 'system', 'phrasings', 'history']
    var fields = names
      .map(function (name) { return document.getElementById('id_' + name) })
      .filter(Boolean)
    var warning = document.createElement('p')
    warning.className = 'ld-too-long'
    warning.id = 'id_output-too-long'
    warning.setAttribute('role', 'status')
    lines.id_output.element.insertAdjacentElement('afterend', warning)
    var timer = 0
    var asked = 0

    function written() {
      var content = {}
      fields.forEach(function (field) { content[field.name] = field.value })
      content.phrasings = (content.phrasings || '').split('\n').filter(function (line) { return line.trim() })
      try { content.history = JSON.parse(content.history || '[]') } catch { content.history = [] }
      return content
    }

    function ask() {
      var number = ++asked
      fetch(texts.length, {
        method: 'POST',
        headers: {
          Accept: 'application/json',
          'Content-Type': 'application/json',
          'X-CSRFToken': document.querySelector('#record_form [name=csrfmiddlewaretoken]').value,
        },
        body: JSON.stringify(written()),
      })
        .then(function (answer) { return answer.ok ? answer.json() : {} })
        .then(function (counts) { if (number === asked) show(counts) })
        .catch(function () { /* the next key asks again */ })
    }

    function show(counts) {
      lines.id_instruction.tokens(counts.question)
      lines.id_output.tokens(counts.answer)
      var text = ''
      if (counts.limit && counts.total > counts.limit) {
        text = filled(texts.tooLong, counts.total, counts.limit)
      } else if (counts.answer_limit && counts.answer > counts.answer_limit) {
        text = filled(texts.answerTooLong, counts.answer, counts.answer_limit)
      }
      // Said once, not at every key.
      if (warning.textContent !== text) warning.textContent = text
    }

    fields.forEach(function (field) {
      field.addEventListener('input', function () {
        clearTimeout(timer)
        timer = setTimeout(ask, COUNT_WAIT_MS)
      })
    })
    ask()
  }

  function filled(sentence, n, limit) {
    return sentence.replace('{n}', n.toLocaleString()).replace('{limit}', limit.toLocaleString())
  }

  function count(field, texts) {
    var tokens = null
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
      var parts = [n === 1 ? texts.character : texts.characters.replace('{n}', n.toLocaleString())]
      if (tokens) parts.push(tokens === 1 ? texts.token : texts.tokens.replace('{n}', tokens.toLocaleString()))
      line.textContent = parts.join(' · ')
    }
    field.addEventListener('input', show)
    show()
    return {
      element: line,
      tokens: function (number) {
        tokens = number
        show()
      },
    }
  }
})()
