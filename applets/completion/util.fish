# Completes util and the links with the names of its applets in fish.

function __util_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l name (string split -- / $words[1])[-1]

    # The program to ask: util as it was called or, for a link with the name of an applet, the util
    # in PATH if that is what the link leads to.
    set -l util (command -s -- $words[1])
    set -l before
    if test "$name" != util
        set -l called $util
        set util (command -s util)
        command test "$called" -ef "$util"
        or begin
            __fish_complete_path $word
            return
        end
        set before $name
    end
    test -n "$util"; or return

    set -l answer ($util __complete $before $words[2..] "$word" 2>/dev/null)
    switch "$answer[1]"
        case files
            # also after "--option=", "unix:" or "file:"
            set -l front (string match -r -- '^(?:--[^=]*=|unix:|file:|)' $word)
            __fish_complete_path (string replace -- "$front" '' $word) |
                string replace -r '^' -- "$front"
        case commands
            __fish_complete_command
        case words
            printf '%s\n' $answer[2..]
    end
end

for name in util @NAMES@
    complete -c $name -f -a '(__util_complete)'
end
