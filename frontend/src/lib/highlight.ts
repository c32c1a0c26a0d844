/** Colours for code, for the languages that office answers hold. Loaded only when a code block is shown. */

import hljs from 'highlight.js/lib/core'
import bash from 'highlight.js/lib/languages/bash'
import css from 'highlight.js/lib/languages/css'
import ini from 'highlight.js/lib/languages/ini'
import java from 'highlight.js/lib/languages/java'
import javascript from 'highlight.js/lib/languages/javascript'
import json from 'highlight.js/lib/languages/json'
import python from 'highlight.js/lib/languages/python'
import sql from 'highlight.js/lib/languages/sql'
import typescript from 'highlight.js/lib/languages/typescript'
import xml from 'highlight.js/lib/languages/xml'
import yaml from 'highlight.js/lib/languages/yaml'

for (const [name, grammar] of Object.entries({ bash, css, ini, java, javascript, json, python, sql, typescript, xml, yaml })) {
  hljs.registerLanguage(name, grammar)
}

/** HTML with escaped code and classes for colours; null for a language that is not known here. */
export function highlight(code: string, language: string): string | null {
  if (hljs.getLanguage(language) === undefined) return null
  return hljs.highlight(code, { language, ignoreIllegals: true }).value
}
