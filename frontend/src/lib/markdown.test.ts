// @vitest-environment jsdom
// DOMPurify needs a faithful document; happy-dom walks the tree differently.

import { describe, expect, it } from 'vitest'
import { renderMarkdown } from './markdown'

/** The document that a browser would make of an answer. */
function show(text: string): HTMLElement {
  const root = document.createElement('div')
  root.innerHTML = renderMarkdown(text)
    .map((block) => (block.kind === 'html' ? block.html : ''))
    .join('')
  return root
}

describe('renderMarkdown', () => {
  it('renders the usual marks', () => {
    const root = show('# 年假\n\n- **五天**\n- see [the wiki](https://wiki.example/a)\n\n| a | b |\n|---|---|\n| 1 | 2 |')
    expect(root.querySelector('h1')?.textContent).toBe('年假')
    expect(root.querySelector('li strong')?.textContent).toBe('五天')
    expect(root.querySelectorAll('td')).toHaveLength(2)
  })

  it('gives code blocks away as plain text with their language', () => {
    expect(renderMarkdown('a\n\n```python\nprint("<b>")\n```')).toEqual([
      { kind: 'html', html: '<p>a</p>\n' },
      { kind: 'code', language: 'python', code: 'print("<b>")' },
    ])
  })

  it('keeps earlier blocks the same while the text grows', () => {
    const before = renderMarkdown('One\n\nTwo')
    const after = renderMarkdown('One\n\nTwo and more')
    expect(after[0]).toEqual(before[0])
    expect(after[1]).not.toEqual(before[1])
  })

  it('opens links elsewhere and tells them nothing', () => {
    const link = show('[a](https://wiki.example/a) and https://b.example').querySelectorAll('a')
    expect(link).toHaveLength(2)
    for (const anchor of link) {
      expect(anchor.getAttribute('rel')).toBe('noopener noreferrer nofollow')
      expect(anchor.getAttribute('target')).toBe('_blank')
    }
  })

  it('shows own images and only names foreign ones', () => {
    const root = show('![plan](/media/plan.png) ![spy](https://evil.example/pixel.png)')
    const images = root.querySelectorAll('img')
    expect(images).toHaveLength(1)
    expect(images[0]?.getAttribute('src')).toBe('/media/plan.png')
    expect(root.querySelector('a')?.textContent).toBe('spy')
  })

  it.each([
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '<svg/onload=alert(1)>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    '<a href="javascript:alert(1)">x</a>',
    '[x](javascript:alert(1))',
    '[x](JaVaScRiPt:alert(1))',
    '[x](java\nscript:alert(1))',
    '[x](&#106;avascript:alert(1))',
    '[x](data:text/html;base64,PHNjcmlwdD4=)',
    '[x](vbscript:msgbox(1))',
    '![x](javascript:alert(1))',
    '![x](data:image/svg+xml,<svg onload=alert(1)>)',
    '![x" onerror="alert(1)](https://evil.example/a.png)',
    '![x](https://evil.example/a.png"onerror="alert(1))',
    '[x](https://a.example" onmouseover="alert(1))',
    '<style>body{display:none}</style>',
    '<form action="https://evil.example"><input name=password></form>',
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
    '`<img src=x onerror=alert(1)>`',
    '[ref]: javascript:alert(1)\n\n[ref]',
    '<javascript:alert(1)>',
    '| a |\n|---|\n| <img src=x onerror=alert(1)> |',
  ])('lets nothing run: %s', (text) => {
    const root = show(text)
    expect(root.querySelectorAll('script, iframe, style, form, input, svg, math, object, embed')).toHaveLength(0)
    for (const element of root.querySelectorAll('*')) {
      for (const { name, value } of element.attributes) {
        expect(name.startsWith('on'), `${element.tagName} ${name}`).toBe(false)
        if (name === 'href' || name === 'src') expect(value).toMatch(/^(https?:|mailto:|\/(?!\/))/)
      }
    }
  })
})
