{{/* The port of the address to listen at. */}}
{{- define "oci-hostaliases.port" -}}
{{ regexFind "[0-9]+$" .Values.listen }}
{{- end }}
