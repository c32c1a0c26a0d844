/** Which two versions are compared, and how what differs in a record is shown. */

import type { DiffPiece, DiffRow } from '@/api/types'

interface Numbered {
  id: string
  number: number
}

/** Signs of unchanged text that are kept on each side of a change. */
const AROUND = 40

/**
 * The version that `mine` is compared with: the one whose number the address asks for, else the one
 * before, else the one after; null where there is no other.
 */
export function comparedWith<Version extends Numbered>(versions: Version[], mine: Numbered, asked: unknown): Version | null {
  const others = versions.filter(({ id }) => id !== mine.id)
  const earlier = others.filter(({ number }) => number < mine.number)
  const nearest = earlier.length > 0 ? highest(earlier) : lowest(others)
  return others.find(({ number }) => String(number) === asked) ?? nearest
}

function highest<Version extends Numbered>(versions: Version[]): Version | null {
  return versions.reduce<Version | null>((best, here) => (best === null || here.number > best.number ? here : best), null)
}

function lowest<Version extends Numbered>(versions: Version[]): Version | null {
  return versions.reduce<Version | null>((best, here) => (best === null || here.number < best.number ? here : best), null)
}

/** Two versions as time goes: what is added is in the later one. */
export function inOrder(one: Numbered, other: Numbered): { before: Numbered; after: Numbered } {
  return one.number < other.number ? { before: one, after: other } : { before: other, after: one }
}

/** Whether both versions hold the record and its words may differ. */
export function hasFields(row: DiffRow): boolean {
  return row.from_revision !== null && row.to_revision !== null && row.from_revision !== row.to_revision
}

/** The same pieces with what stayed the same cut to a few signs around the changes. */
export function shortened(pieces: DiffPiece[]): DiffPiece[] {
  return pieces.map((piece, index) => {
    if (piece.kind !== 'same') return piece
    const signs = [...piece.text] // no sign is cut in half
    const before = index > 0 ? AROUND : 0
    const after = index < pieces.length - 1 ? AROUND : 0
    if (signs.length <= before + after) return piece
    const text = `${signs.slice(0, before).join('')}…${after ? signs.slice(-after).join('') : ''}`
    return { kind: piece.kind, text }
  })
}
