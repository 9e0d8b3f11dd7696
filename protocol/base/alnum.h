/* alnum.h - the letters and digits of ASCII, as rows of a table of bytes
 *
 * Tables, since every byte of every name, key and credential is looked at; and
 * no locale has a say in them.
 */
#pragma once

#define ALNUM_ROWS                                                            \
	['0'] = true, ['1'] = true, ['2'] = true, ['3'] = true, ['4'] = true, \
	['5'] = true, ['6'] = true, ['7'] = true, ['8'] = true, ['9'] = true, \
	['A'] = true, ['B'] = true, ['C'] = true, ['D'] = true, ['E'] = true, \
	['F'] = true, ['G'] = true, ['H'] = true, ['I'] = true, ['J'] = true, \
	['K'] = true, ['L'] = true, ['M'] = true, ['N'] = true, ['O'] = true, \
	['P'] = true, ['Q'] = true, ['R'] = true, ['S'] = true, ['T'] = true, \
	['U'] = true, ['V'] = true, ['W'] = true, ['X'] = true, ['Y'] = true, \
	['Z'] = true, ['a'] = true, ['b'] = true, ['c'] = true, ['d'] = true, \
	['e'] = true, ['f'] = true, ['g'] = true, ['h'] = true, ['i'] = true, \
	['j'] = true, ['k'] = true, ['l'] = true, ['m'] = true, ['n'] = true, \
	['o'] = true, ['p'] = true, ['q'] = true, ['r'] = true, ['s'] = true, \
	['t'] = true, ['u'] = true, ['v'] = true, ['w'] = true, ['x'] = true, \
	['y'] = true, ['z'] = true
