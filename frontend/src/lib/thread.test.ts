import { expect, it } from 'vitest'
import { branchOf } from './thread'

const tree = new Map(
  [
    { id: 'q1', parent: null },
    { id: 'a1', parent: 'q1' },
    { id: 'a1-again', parent: 'q1' },
    { id: 'q2', parent: 'a1-again' },
  ].map((message) => [message.id, message]),
)

it('walks from the leaf to the first question', () => {
  expect(branchOf(tree, 'q2').map((message) => message.id)).toEqual(['q1', 'a1-again', 'q2'])
  expect(branchOf(tree, 'a1').map((message) => message.id)).toEqual(['q1', 'a1'])
})

it('shows nothing for an unknown leaf', () => {
  expect(branchOf(tree, 'gone')).toEqual([])
  expect(branchOf(tree, null)).toEqual([])
})

it('ends where a broken tree would turn in a circle', () => {
  const circle = new Map([
    ['a', { id: 'a', parent: 'b' }],
    ['b', { id: 'b', parent: 'a' }],
  ])
  expect(branchOf(circle, 'a')).toHaveLength(2)
})
