/* Tags after a comma are offered like the first one; a common reason is one click. */
;(function () {
  addEventListener('DOMContentLoaded', function () {
    document.querySelectorAll('[data-ld-tags]').forEach(offerAfterCommas)
    document.querySelectorAll('[data-ld-reason]').forEach(function (button) {
      button.addEventListener('click', function () {
        var box = button.closest('form').querySelector('textarea[name=reason]')
        box.value = button.dataset.ldReason
        box.focus()
      })
    })
  })

  // A datalist offers values for the whole field: each begins with what is written already.
  function offerAfterCommas(field) {
    var list = field.list
    if (!list) return
    var tags = Array.from(list.options, function (option) { return option.value })
    field.addEventListener('input', function () {
      var parts = field.value.split(/[,，、]/)
      parts.pop()
      var chosen = parts.map(function (part) { return part.trim() }).filter(Boolean)
      var before = chosen.length ? chosen.join(', ') + ', ' : ''
      list.replaceChildren.apply(
        list,
        tags
          .filter(function (tag) { return !chosen.includes(tag) })
          .map(function (tag) { return new Option('', before + tag) })
      )
    })
  }
})()
