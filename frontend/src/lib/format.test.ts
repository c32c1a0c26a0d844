import { expect, it } from 'vitest'
import { ageOf, formatDuration, formatExact, formatSmall } from './format'

it('names the two largest units of a duration', () => {
  expect(formatDuration(45.4, 'en')).toBe('45 sec')
  expect(formatDuration(125, 'en')).toBe('2 min 5 sec')
  expect(formatDuration(3600, 'en')).toBe('1 hr')
  expect(formatDuration(4325, 'zh-CN')).toBe('1小时 12分钟')
  expect(formatDuration(0, 'en')).toBe('0 sec')
})

it('writes small numbers so that nobody counts zeros', () => {
  expect(formatSmall(0.0005)).toBe('0.0005')
  expect(formatSmall(0.0000025)).toBe('2.5e-6')
  expect(formatSmall(0)).toBe('0')
  expect(formatSmall(0.00268147)).toBe('0.00268')
})

it('loses no digit of what somebody chose', () => {
  expect(formatExact(1024)).toBe('1024')
  expect(formatExact(0.00012345)).toBe('0.00012345')
  expect(formatExact(1e-7)).toBe('1e-7')
})

it('groups by calendar days', () => {
  const now = new Date(2026, 10, 24, 9, 0)
  const at = (...parts: [number, number, number, number]) => new Date(2026, ...parts).toISOString()
  expect(ageOf(at(10, 24, 0, 1), now)).toBe('today')
  expect(ageOf(at(10, 23, 23, 59), now)).toBe('yesterday')
  expect(ageOf(at(10, 19, 12, 0), now)).toBe('week')
  expect(ageOf(at(9, 1, 12, 0), now)).toBe('older')
})
