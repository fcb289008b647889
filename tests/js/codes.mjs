// Codes and what they are good for; the captcha that may stand before them.

import { ANY } from './harness.mjs'

export const codes = {
  async getVerification(t) {
    const phone = t.phone()
    const got = await t.call(() => t.client().getVerification({ phone_number: phone }))
    return {
      id: typeof got.verification_id === 'string',
      expires_in: got.expires_in,
      is_user: got.is_user,
      digits: (await t.code(`+86 ${phone}`)).length,
    }
  },

  async 'getVerification: email, target'(t) {
    const { email } = await t.user()
    const given = { email, target: 'USER', usage: 'PASSWORD_RESET' }
    const got = await t.call(() => t.client().getVerification(given))
    return { is_user: got.is_user, digits: (await t.code(email)).length }
  },

  async 'getVerification: signed in'(t) {
    const { auth } = await t.signedIn()
    const got = await t.call(() => auth.getVerification({ email: t.email() }))
    return { is_user: got.is_user }
  },

  async 'getVerification: current user'(t) {
    const { auth, user } = await t.signedIn()
    const given = { phone_number: user.phone_number, target: 'CUR_USER' }
    const got = await t.call(() => auth.getVerification(given))
    return { is_user: got.is_user }
  },

  async verify(t) {
    const [auth, email] = [t.client(), t.email()]
    const { verification_id } = await auth.getVerification({ email, ...ANY })
    const verification_code = await t.code(email)
    const got = await t.call(() => auth.verify({ verification_id, verification_code }))
    return { token: typeof got.verification_token === 'string', expires_in: got.expires_in }
  },

  async 'verify: wrong code'(t) {
    const [auth, email] = [t.client(), t.email()]
    const { verification_id } = await auth.getVerification({ email, ...ANY })
    const verified = t.call(() => auth.verify({ verification_id, verification_code: 'no' }))
    return { error: (await verified.catch((refusal) => refusal)).error }
  },

  async 'signUp: phone'(t) {
    const [auth, phone] = [t.client(), t.phone()]
    const { verification_id } = await auth.getVerification({ phone_number: phone, ...ANY })
    const phone_number = `+86 ${phone}`
    const verification_code = await t.code(phone_number)
    const { verification_token } = await auth.verify({ verification_id, verification_code })
    const given = { phone_number, verification_code, verification_token, password: 'Passw0rd!' }
    const got = await t.call(() => auth.signUp({ ...given, name: 'New', username: `n${phone}` }))
    const me = await auth.getUserInfo()
    return { scope: got.scope, sub: got.sub === me.sub, phone: me.phone_number === phone_number }
  },

  async 'signUp: email'(t) {
    const [auth, email] = [t.client(), t.email()]
    const verification_token = await t.proof(auth, { email })
    const given = { email, verification_token, gender: 'FEMALE', locale: 'zh' }
    const got = await t.call(() => auth.signUp(given))
    const me = await auth.getUserInfo()
    return { scope: got.scope, email: me.email === email, gender: me.gender }
  },

  async 'signUp: anonymous user'(t) {
    const [auth, email] = [t.client(), t.email()]
    const anonymous = await auth.signInAnonymously()
    const verification_token = await t.proof(t.client(), { email })
    const anonymous_token = anonymous.access_token
    const got = await t.call(() => auth.signUp({ email, verification_token, anonymous_token }))
    return { scope: got.scope, sub: got.sub === anonymous.sub }
  },

  async createCaptchaData(t) {
    const got = await t.call(() => t.client().createCaptchaData({ state: 's1' }))
    return {
      type: got.type,
      image: got.data.startsWith('data:image/'),
      token: typeof got.token === 'string',
      expires_in: got.expires_in,
    }
  },

  async verifyCaptchaData(t) {
    const auth = t.client()
    const { token } = await auth.createCaptchaData({ state: 's1' })
    const key = await t.captcha(token)
    const got = await t.call(() => auth.verifyCaptchaData({ token, key }))
    return { token: typeof got.captcha_token === 'string', expires_in: got.expires_in }
  },

  // Asks for a captcha before it is told to.
  async sendVerificationCodeToCurrentUser(t) {
    const { auth, user } = await t.signedIn({ captchaOptions: t.solver() })
    const { phone_number } = user
    const got = await t.call(() => auth.sendVerificationCodeToCurrentUser({ phone_number }))
    return { is_user: got.is_user, digits: (await t.code(phone_number)).length }
  },

  // The token is kept; where it is found used up, the captcha is solved once more.
  async 'sendVerificationCodeToCurrentUser: again'(t) {
    const solver = t.solver()
    const { auth, user } = await t.signedIn({ captchaOptions: solver })
    const { email } = user
    await auth.sendVerificationCodeToCurrentUser({ email })
    await t.call(() => auth.sendVerificationCodeToCurrentUser({ email }))
    return { solved: solver.solved, digits: (await t.code(email)).length }
  },

  async 'signIn: captcha required'(t) {
    const solver = t.solver()
    const [auth, user] = [t.client({ captchaOptions: solver }), await t.user()]
    await t.demandCaptcha(user)
    const { username, password } = user
    const got = await t.call(() => auth.signIn({ username, password }))
    return { sub: got.sub === user.sub, solved: solver.solved }
  },

  // The client keeps a captcha_token for as long as it says it lives, and tries no other here.
  async 'signIn: captcha required again'(t) {
    const solver = t.solver()
    const [auth, user] = [t.client({ captchaOptions: solver }), await t.user()]
    const { username, password } = user
    await t.demandCaptcha(user)
    await auth.signIn({ username, password })
    await t.demandCaptcha(user)
    const signed = t.call(() => auth.signIn({ username, password }))
    const got = await signed.catch((refusal) => refusal)
    return { sub: got.sub === user.sub, error: got.error, solved: solver.solved }
  },
}
