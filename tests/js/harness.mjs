// What the calls stand on: a client with its storage in memory, the emulator's control
// endpoints, a clock that both can share, and one line of JSON for each row of the report.

import { createSign } from 'node:crypto'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const RealDate = Date
const PASSWORD = 'Passw0rd!'
// What the documentation demands of who asks for a code; preparations say it.
export const ANY = { target: 'ANY' }
// Headers that `fetch` adds by itself; all others are the client's.
const TRANSPORT = new Set([
  'accept', 'accept-encoding', 'connection', 'content-length', 'host', 'sec-fetch-mode',
  'transfer-encoding', 'user-agent',
])

// Move this process's clock, as the emulator's is moved.
let shift = 0
globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length ? given : [RealDate.now() + shift]))
  }

  static now() {
    return RealDate.now() + shift
  }
}

// The report has stdout to itself.
console.log = console.error

export class Harness {
  constructor({ origin, env, secret, modules }) {
    this.origin = origin
    this.env = env
    this.secret = secret
    this.package = createRequire(join(modules, 'package.json'))('@cloudbase/oauth')
    this.sent = []
    this.count = 0
    const fetched = globalThis.fetch
    globalThis.fetch = async (url, options) => {
      const note = { id: options.headers['x-request-id'] }
      note.scheme = (options.headers.Authorization ?? 'none').split(' ')[0]
      this.sent.push(note)
      const answer = await fetched(url, options)
      note.answer = await answer.clone().json().catch(() => null)
      return answer
    }
    this.fetched = fetched
  }

  async control(method, name, body) {
    const answer = await this.fetched(`${this.origin}/__emulator__/${name}`, {
      method,
      body: body && JSON.stringify(body),
    })
    const value = await answer.json()
    if (!answer.ok) throw new Error(`control ${method} ${name}: ${JSON.stringify(value)}`)
    return value
  }

  // Make a client of its own device, signed out.
  client(options = {}) {
    const items = new Map()
    const storage = {
      getItem: async (key) => items.get(key) ?? null,
      setItem: async (key, value) => void items.set(key, value),
      removeItem: async (key) => void items.delete(key),
      getItemSync: (key) => items.get(key) ?? null,
      setItemSync: (key, value) => void items.set(key, value),
      removeItemSync: (key) => void items.delete(key),
    }
    const { authApi } = new this.package.CloudbaseOAuth({
      apiOrigin: this.origin,
      clientId: this.env,
      env: this.env,
      storage,
      i18n: { LANG_HEADER_KEY: 'Accept-Language', lang: 'en-US', t: (text) => text },
      ...options,
    })
    return Object.assign(authApi, { storage, device: () => items.get('device_id') })
  }

  // Add a user who has everything a user can have.
  async user() {
    const number = String((this.count += 1)).padStart(4, '0')
    const user = {
      username: `user${number}`,
      password: PASSWORD,
      phone_number: `+86 1380000${number}`,
      email: `user${number}@example.com`,
      name: `User ${number}`,
    }
    const { sub } = await this.control('POST', 'users', user)
    return { ...user, sub }
  }

  // A destination nobody has.
  phone() {
    return `1390000${String((this.count += 1)).padStart(4, '0')}`
  }

  email() {
    return `new${(this.count += 1)}@example.com`
  }

  // Return a client with a user signed in.
  async signedIn(options) {
    const [auth, user] = [this.client(options), await this.user()]
    await this.signIn(auth, user)
    return { auth, user }
  }

  // Let a user in; where that takes the secret, the client gets its tokens from a server.
  async signIn(auth, { username, password }) {
    if (this.secret === undefined) return auth.signIn({ username, password })
    const tokens = await this.#server({ username, password })
    return auth.config.credentialsClient.setCredentials(tokens)
  }

  // Sign a user in as the app's own server does, which has the secret that no browser has.
  async #server(given) {
    const pair = Buffer.from(`${this.env}:${this.secret}`).toString('base64')
    const answer = await this.fetched(`${this.origin}/auth/v1/signin`, {
      method: 'POST',
      headers: { Authorization: `Basic ${pair}` },
      body: JSON.stringify(given),
    })
    if (!answer.ok) throw new Error(`signing in at the server: ${answer.status}`)
    return answer.json()
  }

  async code(destination) {
    return (await this.control('GET', 'codes')).codes[destination]
  }

  // Return the proof that a destination is one's own.
  async proof(auth, place, options = ANY) {
    const sent = await auth.getVerification({ ...place, ...options })
    const { verification_token: token } = await auth.verify({
      verification_id: sent.verification_id,
      verification_code: await this.code(place.email ?? place.phone_number),
    })
    return token
  }

  // What the third party's redirect brings, each time of another of its users.
  async providerCode(redirect_uri, profile = {}) {
    const account = { ...this.#stranger(), redirect_uri, profile }
    return (await this.control('POST', 'provider-codes', account)).provider_code
  }

  async providerToken() {
    return (await this.control('POST', 'provider-tokens', this.#stranger())).provider_token
  }

  #stranger() {
    return { provider_id: 'github', provider_user_id: `stranger${(this.count += 1)}` }
  }

  // What the app's own server signs for its own user.
  async ticket() {
    const key = await this.control('POST', 'ticket-keys')
    const iat = Date.now()
    const times = { iat, exp: iat + 600_000, refresh: 3_600_000, expire: iat + 604_800_000 }
    const payload = { alg: 'RS256', env: key.env_id, uid: `own${(this.count += 1)}`, ...times }
    const signed = [{ alg: 'RS256', typ: 'JWT' }, payload]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    const signature = createSign('RSA-SHA256').update(signed).sign(key.private_key, 'base64url')
    return `${key.private_key_id}/@@/${signed}.${signature}`
  }

  // Read what a picture shows.
  async captcha(token) {
    return (await this.control('GET', 'captchas')).captchas[token]
  }

  // Do what makes the service ask for a captcha: guess a password too often.
  async demandCaptcha({ username }) {
    for (const _ of Array(5)) {
      await this.client().signIn({ username, password: 'Wrong1234!' }).catch(() => null)
    }
  }

  // Stand in for the dialog that shows a captcha and takes what is read from it.
  solver() {
    const solver = { solved: 0 }
    solver.openURIWithCallback = async (url) => {
      const token = new URLSearchParams(url.slice(url.indexOf('?') + 1)).get('token')
      const key = await this.captcha(token)
      solver.solved += 1
      return this.client().verifyCaptchaData({ token, key })
    }
    return solver
  }

  // Let time pass here and there.
  async wait(seconds) {
    await this.control('POST', 'clock', { advance: seconds })
    shift += seconds * 1000
  }

  // Make the call that a row is about; what came before was preparation.
  async call(act) {
    this.begin = this.sent.length
    try {
      return await act()
    } finally {
      this.end = this.sent.length
    }
  }

  async row(method, act) {
    const began = RealDate.now()
    const start = this.sent.length
    this.begin = this.end = null
    const row = { method, result: 'ok' }
    try {
      row.facts = await act(this)
    } catch (error) {
      row.result = 'failed'
      row.why = error instanceof Error ? error.stack : JSON.stringify(error)
    }
    row.prepared = this.end !== null
    // Where the call never came about, the preparation is what failed.
    const window = row.prepared ? [this.begin, this.end] : [start, this.sent.length]
    row.requests = await this.#seen(this.sent.slice(...window))
    if (row.result === 'failed' && row.requests.at(-1)?.route === null) row.result = 'absent'
    row.milliseconds = RealDate.now() - began
    process.stdout.write(`${JSON.stringify(row)}\n`)
  }

  // Look up what the emulator saw of requests that were sent.
  async #seen(sent) {
    const { requests } = await this.control('GET', 'requests')
    return sent.flatMap(({ id, scheme, answer }) => {
      // The client sends a request again under the same id: the earlier one is the first.
      const place = requests.findIndex((entry) => entry.request_id === id)
      if (place < 0) return []
      const [entry] = requests.splice(place, 1)
      return [described(entry, scheme, answer)]
    })
  }
}

function described(entry, scheme, answer) {
  const headers = entry.headers.filter(([name]) => !TRANSPORT.has(name.toLowerCase()))
  return {
    http: entry.method,
    path: generic(entry.path),
    query: Object.keys(entry.query).sort(),
    headers: headers.map(([name]) => name.toLowerCase()).sort(),
    content_type: headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? null,
    authorization: scheme,
    body: names(entry.json).sort(),
    route: entry.route,
    status: entry.status,
    error: answer?.error ?? null,
  }
}

// A path without what differs from run to run.
function generic(path) {
  return path.replace(/[0-9a-f]{32}/, '{device_id}')
}

function names(value, prefix = '') {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return []
  return Object.entries(value).flatMap(([name, member]) => [
    prefix + name,
    ...names(member, `${prefix}${name}.`),
  ])
}
