/**
 * Turns an answer's Markdown into safe HTML. The text comes from a model and from other people's
 * records, so it is trusted with nothing: no HTML, no foreign images, no scripting addresses.
 */

import DOMPurify from 'dompurify'
import MarkdownIt, { type Token } from 'markdown-it'

export type Block =
  | { kind: 'html'; html: string }
  | { kind: 'code'; language: string; code: string }

const LINK_PROTOCOLS = ['http:', 'https:', 'mailto:']

const parser = new MarkdownIt({ html: false, linkify: true, breaks: true, typographer: false })
parser.validateLink = (address) => protocolOf(address) !== null

parser.renderer.rules.link_open = (tokens, index, options, _env, renderer) => {
  const token = tokens[index]
  token?.attrSet('rel', 'noopener noreferrer nofollow')
  token?.attrSet('target', '_blank')
  return renderer.renderToken(tokens, index, options)
}

parser.renderer.rules.image = (tokens, index) => {
  const token = tokens[index]
  const source = String(token?.attrGet('src') ?? '')
  const words = parser.utils.escapeHtml(token?.content ?? '')
  if (isOwnOrigin(source)) return `<img src="${parser.utils.escapeHtml(source)}" alt="${words}" loading="lazy">`
  // A foreign image would tell its host who reads this: show where it is instead.
  const address = parser.utils.escapeHtml(source)
  return `<a href="${address}" rel="noopener noreferrer nofollow" target="_blank">${words || address}</a>`
}

parser.renderer.rules.table_open = () => '<div class="table-scroll" tabindex="0"><table>'
parser.renderer.rules.table_close = () => '</table></div>'

const ALLOWED = {
  ALLOWED_TAGS: [
    'a', 'blockquote', 'br', 'code', 'del', 'div', 'em', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr', 'img', 'li', 'ol',
    'p', 'pre', 's', 'strong', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'ul',
  ],
  ALLOWED_ATTR: ['alt', 'class', 'href', 'loading', 'rel', 'src', 'start', 'tabindex', 'target'],
  // These hold no address, so the pattern for addresses does not apply to them.
  ADD_URI_SAFE_ATTR: ['loading', 'rel', 'start', 'tabindex', 'target'],
  ALLOW_DATA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|\/(?!\/))/i,
}

/** The top-level blocks of a text, each safe to show; while a text grows only its last blocks change. */
export function renderMarkdown(text: string): Block[] {
  const blocks: Block[] = []
  for (const tokens of topLevel(parser.parse(text, {}))) {
    const [first] = tokens
    if (first?.type === 'fence' || first?.type === 'code_block') {
      blocks.push({ kind: 'code', language: first.info.trim().split(/\s/)[0] ?? '', code: first.content.replace(/\n$/, '') })
    } else {
      const html = DOMPurify.sanitize(parser.renderer.render(tokens, parser.options, {}), ALLOWED)
      blocks.push({ kind: 'html', html })
    }
  }
  return blocks
}

function topLevel(tokens: Token[]): Token[][] {
  const groups: Token[][] = []
  let depth = 0
  for (const token of tokens) {
    if (depth === 0) groups.push([])
    groups.at(-1)?.push(token)
    depth += token.nesting
  }
  return groups
}

function protocolOf(address: string): string | null {
  try {
    const { protocol } = new URL(address, window.location.origin)
    return LINK_PROTOCOLS.includes(protocol) ? protocol : null
  } catch {
    return null
  }
}

function isOwnOrigin(address: string): boolean {
  try {
    return new URL(address, window.location.origin).origin === window.location.origin
  } catch {
    return false
  }
}
