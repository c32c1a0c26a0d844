import { expect, it } from 'vitest'
import type { DiffPiece, DiffRow } from '@/api/types'
import { comparedWith, hasFields, inOrder, shortened } from './versionDiff'

const versions = [4, 3, 2, 1].map((number) => ({ id: `v${number}`, number }))
const version = (number: number) => ({ id: `v${number}`, number })

it('compares with the version before, unless the address asks for another', () => {
  expect(comparedWith(versions, version(3), undefined)?.number).toBe(2)
  expect(comparedWith(versions, version(3), '1')?.number).toBe(1)
  expect(comparedWith(versions, version(3), '4')?.number).toBe(4)
})

it('takes the version before where the address asks for none that there is', () => {
  for (const asked of ['3', '9', '-1', '02', 'v2', '', null, ['1']]) {
    expect(comparedWith(versions, version(3), asked)?.number, String(asked)).toBe(2)
  }
})

it('compares the first version with the one after, and a lone one with nothing', () => {
  expect(comparedWith(versions, version(1), undefined)?.number).toBe(2)
  expect(comparedWith([version(1)], version(1), '1')).toBeNull()
})

it('puts two versions in the order of time', () => {
  const expected = { before: version(1), after: version(3) }
  expect(inOrder(version(3), version(1))).toEqual(expected)
  expect(inOrder(version(1), version(3))).toEqual(expected)
})

it('has fields to show where both versions name the record, in different revisions', () => {
  const row = (from: number | null, to: number | null) => ({ from_revision: from, to_revision: to }) as DiffRow
  expect(hasFields(row(1, 2))).toBe(true)
  for (const other of [row(1, 1), row(null, 1), row(1, null)]) expect(hasFields(other)).toBe(false)
})

it('keeps changes whole and cuts what stayed the same', () => {
  const long = '😀'.repeat(100)
  const pieces: DiffPiece[] = [
    { kind: 'same', text: long },
    { kind: 'removed', text: long },
    { kind: 'same', text: long },
    { kind: 'added', text: 'new' },
    { kind: 'same', text: long },
  ]
  const [first, removed, middle, added, last] = shortened(pieces).map(({ text }) => text)
  expect(first).toBe(`…${'😀'.repeat(40)}`)
  expect(removed).toBe(long)
  expect(middle).toBe(`${'😀'.repeat(40)}…${'😀'.repeat(40)}`)
  expect(added).toBe('new')
  expect(last).toBe(`${'😀'.repeat(40)}…`)
  expect(shortened([{ kind: 'same', text: 'short' }, { kind: 'added', text: '!' }])[0]?.text).toBe('short')
})
