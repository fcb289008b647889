// What the official server library makes: tickets, and signatures of the Tencent Cloud key.
// One argument: JSON with `modules`, the folder of npm's package.json, and
//   `now`, the instant in milliseconds at which its clock stands;
//   `key`, what tcb_custom_login.json holds; `tickets`, a list of [uid, options];
//   `signed`, a list of what `sign` of @cloudbase/signature-nodejs takes;
//   `ours`, tickets to be checked with `publicKey` by its own JSON Web Token library.
// Prints one object with an answer for each, and with the names of the methods of `auth()`.

import { createRequire } from 'node:module'
import { join } from 'node:path'

const told = JSON.parse(process.argv[2])
const RealDate = Date
globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length ? given : [told.now]))
  }

  static now() {
    return told.now
  }
}
// The report has stdout to itself.
console.log = console.error

const from = createRequire(join(told.modules, 'package.json'))
const sdk = createRequire(from.resolve('@cloudbase/node-sdk'))

function ticket([uid, options]) {
  const app = from('@cloudbase/node-sdk').init({ env: told.key.env_id, credentials: told.key })
  return app.auth().createTicket(uid, options)
}

function checked(text) {
  const [id, token] = text.split('/@@/')
  // Its own check of the times takes them for seconds: to the real service they are milliseconds.
  const options = { algorithms: ['RS256'], ignoreExpiration: true, allowInvalidAsymmetricKeyTypes: true }
  return { id, ...sdk('jsonwebtoken').verify(token, told.publicKey, { ...options, complete: true }) }
}

const app = from('@cloudbase/node-sdk').init({ env: 'env', secretId: 'id', secretKey: 'key' })
const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(app.auth()))

process.stdout.write(JSON.stringify({
  methods: methods.filter((name) => name !== 'constructor'),
  tickets: (told.tickets ?? []).map(ticket),
  signed: (told.signed ?? []).map((request) => sdk('@cloudbase/signature-nodejs').sign(request)),
  ours: (told.ours ?? []).map(checked),
}))
