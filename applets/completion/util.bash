# Completes util and the links with the names of its applets in bash 4.4 or newer. It needs no other
# package.

# Prints the program to ask: util as it was called or, for a link with the name of an applet, the
# util in PATH if that is what the link leads to.
_util_program() {
	local called util
	called=$(type -P -- "${1/#\~\//$HOME/}") || return
	if [[ ${1##*/} == util ]]; then
		printf '%s\n' "$called"
	else
		util=$(type -P util) && [[ $called -ef $util ]] && printf '%s\n' "$util"
	fi
}

_util() {
	local util kind word before part line=${COMP_LINE:0:COMP_POINT} i glued
	local -a words=() answer=()
	COMPREPLY=()
	if ! util=$(_util_program "$1"); then
		compopt -o default
		return
	fi

	# The words as util reads them. Readline ends a word at = : and @ too, and completes only what
	# comes after the last of these.
	for ((i = 0; i <= COMP_CWORD; i++)); do
		part=${COMP_WORDS[i]}
		glued=1
		while [[ $line == [[:space:]]* ]]; do
			line=${line:1}
			glued=0
		done
		if ((i == COMP_CWORD)); then
			part=$line # without what comes after the cursor
		fi
		line=${line#"$part"}
		if ((i > 0 && glued)); then
			words[-1]+=$part
		else
			words+=("$part")
		fi
	done
	word=${words[-1]}
	before=
	if [[ $word == *["$COMP_WORDBREAKS"]* ]]; then
		before=${word%"${word##*["$COMP_WORDBREAKS"]}"}
	fi
	if [[ ${1##*/} != util ]]; then
		words=(util "${1##*/}" "${words[@]:1}")
	fi

	mapfile -t answer < <("$util" __complete "${words[@]:1}" 2>/dev/null)
	kind=${answer[0]-}
	case $kind in
	files)
		compopt -o default
		;;
	commands)
		if [[ $word == */* ]]; then
			compopt -o default
		else
			mapfile -t COMPREPLY < <(compgen -c -- "$word" | sort -u)
		fi
		;;
	words)
		for part in "${answer[@]:1}"; do
			part=${part%%$'\t'*}
			COMPREPLY+=("${part#"$before"}")
			if [[ $part == *[:@] ]]; then
				compopt -o nospace
			fi
		done
		;;
	esac
}

complete -F _util util @NAMES@
