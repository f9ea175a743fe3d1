package dev.mf2edge

import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException
import java.nio.charset.CodingErrorAction

/** What is wrong with a JSON text, and where. Readers of a file turn it into their own exception. */
internal class JsonException(message: String) : Exception(message)

/**
 * The value of a JSON text (RFC 8259): null, Boolean, String, Long, Double (numbers with a fraction or
 * an exponent, and whole ones beyond Long), List, or Map in the order of the file.
 *
 * Strict: no byte order mark, no comments, no key twice in an object, valid UTF-8 and surrogate pairs,
 * nesting up to [DEEPEST].
 */
internal fun parseJson(bytes: ByteArray): Any? {
    val decoder = Charsets.UTF_8.newDecoder()
        .onMalformedInput(CodingErrorAction.REPORT)
        .onUnmappableCharacter(CodingErrorAction.REPORT)
    val text = try {
        decoder.decode(ByteBuffer.wrap(bytes)).toString()
    } catch (error: CharacterCodingException) {
        throw JsonException("not UTF-8")
    }
    return Parser(text).whole()
}

/** Levels of lists and objects; a `model.json` has fewer than ten. */
private const val DEEPEST = 64

private class Parser(private val text: String) {
    private var at = 0

    fun whole(): Any? {
        val value = value(0)
        space()
        if (at < text.length) fail("trailing characters")
        return value
    }

    private fun value(depth: Int): Any? {
        if (depth > DEEPEST) fail("nested deeper than $DEEPEST levels")
        space()
        return when (peek()) {
            '{' -> members(depth)
            '[' -> items(depth)
            '"' -> string()
            't' -> word("true", true)
            'f' -> word("false", false)
            'n' -> word("null", null)
            else -> number()
        }
    }

    private fun members(depth: Int): Map<String, Any?> {
        val made = LinkedHashMap<String, Any?>()
        at++
        if (skip('}')) return made
        do {
            space()
            if (peek() != '"') fail("expected a key")
            val key = string()
            if (!skip(':')) fail("expected a colon")
            // A key that is there twice means one thing to one reader and another to the next.
            if (key in made) fail("key `$key` more than once")
            made[key] = value(depth + 1)
        } while (skip(','))
        if (!skip('}')) fail("expected a comma or }")
        return made
    }

    private fun items(depth: Int): List<Any?> {
        val made = ArrayList<Any?>()
        at++
        if (skip(']')) return made
        do made += value(depth + 1) while (skip(','))
        if (!skip(']')) fail("expected a comma or ]")
        return made
    }

    private fun word(name: String, value: Boolean?): Boolean? {
        if (!text.startsWith(name, at)) fail("expected $name")
        at += name.length
        return value
    }

    private fun number(): Number {
        val found = NUMBER.find(text, at)
        if (found == null || found.range.first != at) fail("expected a value")
        at = found.range.last + 1
        // A zero that other digits follow ends here, and what follows is refused as no comma.
        return found.value.toLongOrNull() ?: found.value.toDouble()
    }

    private fun string(): String {
        val made = StringBuilder()
        at++
        while (true) {
            val letter = peek()
            at++
            when {
                letter == '"' -> return made.toString()
                letter < ' ' -> fail("control character in a string")
                letter == '\\' -> made.appendCodePoint(escaped())
                else -> made.append(letter)
            }
        }
    }

    private fun escaped(): Int {
        val letter = peek()
        at++
        return when (letter) {
            '"', '\\', '/' -> letter.code
            'b' -> '\b'.code
            'f' -> 0x0C
            'n' -> '\n'.code
            'r' -> '\r'.code
            't' -> '\t'.code
            'u' -> codePoint()
            else -> fail("unknown escape")
        }
    }

    private fun codePoint(): Int {
        val first = hexadecimal()
        if (!first.isSurrogate()) return first.code
        if (!first.isHighSurrogate() || !text.startsWith("\\u", at)) fail("half a surrogate pair")
        at += 2
        val second = hexadecimal()
        if (!second.isLowSurrogate()) fail("half a surrogate pair")
        return Character.toCodePoint(first, second)
    }

    private fun hexadecimal(): Char {
        val digits = text.substring(at, minOf(at + 4, text.length))
        if (digits.length < 4 || !digits.all { it in '0'..'9' || it in 'a'..'f' || it in 'A'..'F' }) {
            fail("expected four hexadecimal digits")
        }
        at += 4
        return digits.toInt(16).toChar()
    }

    /** The next letter after white space is passed over, if it is this one. */
    private fun skip(letter: Char): Boolean {
        space()
        val found = at < text.length && text[at] == letter
        if (found) at++
        return found
    }

    private fun space() {
        while (at < text.length && text[at] in " \t\r\n") at++
    }

    private fun peek(): Char = if (at < text.length) text[at] else fail("the text ends early")

    private fun fail(what: String): Nothing = throw JsonException("$what, at character $at")
}

private val NUMBER = Regex("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")
