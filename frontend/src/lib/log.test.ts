import { expect, it } from 'vitest'
import { appendLog, emptyLog } from './log'

it('appends what is new and ignores what was seen', () => {
  let tail = appendLog(emptyLog(), { text: 'one\n', offset: 4 })
  tail = appendLog(tail, { text: '二\n', offset: 8 })
  expect(tail).toEqual({ text: 'one\n二\n', offset: 8 })
  expect(appendLog(tail, { text: '二\n', offset: 8 })).toBe(tail)
})

it('keeps the end of a long log, from the start of a line', () => {
  const line = 'x'.repeat(999) + '\n'
  let tail = emptyLog()
  for (let number = 1; number <= 150; number += 1) tail = appendLog(tail, { text: line, offset: number * 1000 })
  expect(tail.text.length).toBeLessThanOrEqual(100_000)
  expect(tail.text.length % 1000).toBe(0)
  expect(tail.offset).toBe(150_000)
})
