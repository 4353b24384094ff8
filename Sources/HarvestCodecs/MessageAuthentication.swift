import CSSL
public import HarvestCore

/// What proves who wrote a message, by OpenSSL.
public enum MessageAuthentication {
    /// HMAC-SHA-256 (RFC 2104, FIPS 198-1) of `message` under `key`: 32 bytes.
    public static func hmacSHA256(_ key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: 32)
        let isDone = HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, &code, nil) != nil
        precondition(isDone, "OpenSSL has no HMAC")
        return code
    }

    /// The RS256 signature (RFC 7518 §3.3: RSASSA-PKCS1-v1_5 over SHA-256) of `message`.
    ///
    /// - Parameter privateKey: PEM (RFC 7468), without a passphrase.
    /// - Throws: ``HarvestError`` `.malformed` where it is no RSA key; nothing of it stands in the message.
    public static func rs256(privateKey: [UInt8], _ message: [UInt8]) throws(HarvestError) -> [UInt8] {
        defer { ERR_clear_error() }
        guard let memory = BIO_new_mem_buf(privateKey, Int32(clamping: privateKey.count)) else {
            throw HarvestError(.failed, "no memory for a key")
        }
        defer { BIO_free(memory) }
        // A key that wants a passphrase would else be asked for on the terminal.
        guard let key = PEM_read_bio_PrivateKey(memory, nil, { _, _, _, _ in -1 }, nil) else {
            throw .malformed("a private key that is none, or wants a passphrase")
        }
        defer { EVP_PKEY_free(key) }
        guard let context = EVP_MD_CTX_new() else { throw HarvestError(.failed, "no memory for a signature") }
        defer { EVP_MD_CTX_free(context) }
        var length = 0
        guard EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA,
            EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key) == 1,
            EVP_DigestSign(context, nil, &length, message, message.count) == 1
        else { throw .malformed("a private key that is not RSA's") }
        var signature = [UInt8](repeating: 0, count: length)
        guard EVP_DigestSign(context, &signature, &length, message, message.count) == 1 else {
            throw .malformed("a private key that does not sign")
        }
        return Array(signature.prefix(length))
    }
}
