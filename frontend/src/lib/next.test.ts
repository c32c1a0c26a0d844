import { expect, it } from 'vitest'
import { safeNext } from './next'

const here = 'https://lore.example'

it('keeps paths of this site', () => {
  expect(safeNext('/studio/runs/new?version=1#top', here)).toBe('/studio/runs/new?version=1#top')
  expect(safeNext('/admin/curation/record/', here)).toBe('/admin/curation/record/')
})

it.each([
  'https://evil.example/',
  '//evil.example/',
  '/\\evil.example/',
  '/\t/evil.example',
  'javascript:alert(1)',
  'chat',
  '',
  undefined,
  ['/a', '/b'],
])('goes home instead of %s', (next) => {
  expect(safeNext(next, here)).toBe('/')
})

it('does not come back to the sign-in page', () => {
  expect(safeNext('/signin?next=/signin', here)).toBe('/')
})
