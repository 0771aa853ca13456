# Show the targets and variables of a Makefile, each with the comment above it.

/^## / { said = substr($0, 4); next }
said && match($0, /^[a-z-]+:/) {
    targets = targets sprintf("  make %-14s %s\n", substr($0, 1, RLENGTH - 1), said)
}
said && match($0, /^[A-Z_]+ =/) {
    value = substr($0, RLENGTH + 2)
    if (value) said = said "  [" value "]"
    variables = variables sprintf("  %-15s %s\n", substr($0, 1, RLENGTH - 2) "=", said)
}
{ said = "" }
END { printf "Targets:\n%s\nVariables, with their defaults:\n%s", targets, variables }
