import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { ApiError, onSignedOut, request, requestAll, setAcceptLanguage } from './client'

type Call = [url: string, init: RequestInit & { headers: Record<string, string> }]

function answer(status: number, body: unknown, type = 'application/json'): Response {
  return new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers: { 'Content-Type': type } })
}

const fetched = vi.fn<(...call: Call) => Promise<Response>>()

async function failure(promise: Promise<unknown>): Promise<ApiError> {
  return promise.then(
    () => { throw new Error('it did not fail') },
    (error: unknown) => error as ApiError,
  )
}

beforeEach(() => {
  fetched.mockReset()
  vi.stubGlobal('fetch', fetched)
  document.cookie = 'csrftoken=tok'
})
afterEach(() => {
  vi.unstubAllGlobals()
  onSignedOut(() => undefined)
})

it('sends JSON with the CSRF token and the language of the page', async () => {
  fetched.mockResolvedValue(answer(200, { ok: true }))
  setAcceptLanguage('zh-hans')
  expect(await request('POST', '/session', { body: { username: '李' } })).toEqual({ ok: true })
  const [url, init] = fetched.mock.calls[0] as Call
  expect(url).toBe('/api/v1/session')
  expect(init.headers).toMatchObject({ 'X-CSRFToken': 'tok', 'Content-Type': 'application/json', 'Accept-Language': 'zh-hans' })
  expect(init.body).toBe('{"username":"李"}')
})

it('sends no token with a read and leaves empty query values out', async () => {
  fetched.mockResolvedValue(answer(200, {}))
  await request('GET', '/records', { query: { status: 'approved', q: '', page: null } })
  const [url, init] = fetched.mock.calls[0] as Call
  expect(url).toBe('/api/v1/records?status=approved')
  expect(init.headers).not.toHaveProperty('X-CSRFToken')
})

it('turns the error shape of the server into an ApiError', async () => {
  fetched.mockResolvedValue(answer(409, { error: { code: 'base_mismatch', message: 'Another base.', details: { a: 1 } } }))
  const error = await failure(request('POST', '/x', { body: {} }))
  expect(error).toBeInstanceOf(ApiError)
  expect(error).toMatchObject({ status: 409, code: 'base_mismatch', message: 'Another base.', details: { a: 1 } })
})

it('says so when the server cannot be reached or answers something else', async () => {
  fetched.mockRejectedValueOnce(new TypeError('failed'))
  expect(await failure(request('GET', '/x'))).toMatchObject({ status: 0, code: 'network' })
  fetched.mockResolvedValueOnce(answer(502, '<html>Bad gateway</html>', 'text/html'))
  expect(await failure(request('GET', '/x'))).toMatchObject({ status: 502, code: 'unreadable' })
  fetched.mockResolvedValueOnce(answer(200, '{"broken'))
  expect(await failure(request('GET', '/x'))).toMatchObject({ code: 'unreadable' })
})

it('tells when the session is over', async () => {
  const signedOut = vi.fn()
  onSignedOut(signedOut)
  fetched.mockImplementation(() => Promise.resolve(answer(403, { error: { code: 'not_allowed', message: '', details: {} } })))
  await failure(request('GET', '/x'))
  expect(signedOut).not.toHaveBeenCalled()
  fetched.mockImplementation(() => Promise.resolve(answer(403, { error: { code: 'not_signed_in', message: '', details: {} } })))
  await failure(request('GET', '/x'))
  expect(signedOut).toHaveBeenCalledOnce()
})

it('follows a list to its end on its own origin only', async () => {
  fetched
    .mockResolvedValueOnce(answer(200, { results: [1, 2], next: 'http://internal:9/api/v1/things?cursor=b' }))
    .mockResolvedValueOnce(answer(200, { results: [3], next: null }))
  expect(await requestAll('/things')).toEqual([1, 2, 3])
  expect(fetched.mock.calls.map(([url]) => url)).toEqual(['/api/v1/things', '/api/v1/things?cursor=b'])
})

it('has nothing to read where there is no content', async () => {
  fetched.mockResolvedValue(new Response(null, { status: 204 }))
  expect(await request('DELETE', '/session')).toBeUndefined()
})
