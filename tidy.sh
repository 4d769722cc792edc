trap 'echo "CMD got SIGTERM" >> tidy.out; sleep 1; echo tidied >> tidy.out; exit 0' TERM
while :; do sleep .05; done
